import Commands

EVH5.main()
